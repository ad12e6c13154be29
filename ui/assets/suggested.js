element.addEventListener('click', event => {
  const button = event.target.closest('[data-ask]');
  if (button) askOnSearchTab(button.dataset.ask);
});
