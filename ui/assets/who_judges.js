const field = element.querySelector('[data-judge]');
field.value = judgeName() ?? '';
field.addEventListener('change', () => {
  try { localStorage.setItem('judge', field.value.trim()); } catch (error) { say('This browser keeps nothing for this page, so your name is not kept.', 'error'); }
});
