element.addEventListener('click', async event => {
  const again = event.target.closest('a[data-address]');
  if (again && !event.ctrlKey && !event.metaKey && !event.shiftKey) {   // with them it is opened elsewhere, as any link
    event.preventDefault();
    return dispatchEvent(new CustomEvent('ask-again', { detail: again.dataset.address }));
  }
  const { forget } = event.target.dataset;
  if (forget) await ask(server.delete_search([forget]));
  else if (event.target.matches('[data-clear]')) await ask(server.clear_past([]));
  else return;
  trigger('changed');
});
element.addEventListener('change', async event => {
  if (!event.target.matches('[data-keep]')) return;
  await ask(server.keep_past([event.target.checked]));
  trigger('changed');
});
watch('value', keepOpen(element, '.recall'));
