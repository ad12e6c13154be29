// The desk tells by it whether its passages are still those of the model that answers.
watch('value', () => dispatchEvent(new Event('header-renewed')));
const showKeys = () => openDialog('keys', 'Keys', keysOfThePage);
element.addEventListener('click', event => { if (event.target.closest('[data-keys]')) showKeys(); });
document.addEventListener('keydown', event => {
  if (event.key !== '?' || isTyped(event)) return;
  event.preventDefault();
  showKeys();
});
