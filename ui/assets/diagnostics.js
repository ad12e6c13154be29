element.addEventListener('click', async event => {
  if (event.target.closest('[data-again]')) return trigger('again');
  if (!event.target.closest('[data-copy]')) return;
  const text = element.querySelector('pre');
  try {
    await navigator.clipboard.writeText(text.textContent);
    say('Copied.');
  } catch (error) {   // over plain HTTP from another machine, for example: then it is chosen for Ctrl-C
    getSelection().selectAllChildren(text);
    say('The browser did not let it be copied. It is selected: press Ctrl-C.', 'error');
  }
});
