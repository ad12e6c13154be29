const showKeys = () => openDialog('keys', 'Keys', keysOfThePage);
element.addEventListener('click', event => { if (event.target.closest('[data-keys]')) showKeys(); });
document.addEventListener('keydown', event => {
  if (event.key !== '?' || isTyped(event)) return;
  event.preventDefault();
  showKeys();
});
