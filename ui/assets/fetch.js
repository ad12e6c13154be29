element.addEventListener('submit', async event => {
  event.preventDefault();
  const form = event.target, field = form.elements.identifier, button = form.querySelector('button'), said = form.querySelector('#fetch-said');
  if (!field.value.trim() || button.disabled) return field.focus();
  button.disabled = true;
  said.className = '';
  said.textContent = 'Asking…';
  let answer = null;
  try { answer = await server.fetch([field.value, window.papersInto ?? null]); } catch (error) { answer = { error: 'The program does not answer. Is it still running?' }; }
  button.disabled = false;
  said.classList.toggle('refused', !!answer.error);
  if (answer.error) { said.textContent = answer.error; return field.focus(); }
  said.textContent = answer.known ? `“${answer.title}” is in the library already.` : 'It is here, and is being read.';
  field.value = '';
});
