// The form lies outside the table, which is made anew while papers are read: what is typed stays.
async function editPaper(id, server, trigger) {
  const answer = await ask(server.show_form([id]));
  if (answer === null) return;
  const dialog = document.createElement('dialog');
  dialog.id = 'edit';
  dialog.setAttribute('aria-label', 'Edit a paper');
  dialog.innerHTML = answer.html;
  const refusal = dialog.querySelector('.refusal');
  // Its errors stand inside it, since nothing outside a modal dialog can be read out.
  const finish = async call => {
    let result = null;
    try { result = await call; } catch (error) { result = { error: 'The program does not answer. Is it still running?' }; }
    if (result && result.error) { refusal.textContent = result.error; refusal.hidden = false; return; }
    dialog.close();
    trigger('changed');
  };
  dialog.addEventListener('submit', event => {
    event.preventDefault();
    const fields = [...dialog.querySelectorAll('[name]')].filter(field => field.value !== field.defaultValue);
    if (!fields.length) return dialog.close();
    finish(server.save_form([id, Object.fromEntries(fields.map(field => [field.name, field.value]))]));
  });
  dialog.addEventListener('click', event => {
    if (event.target.matches('[data-close]')) dialog.close();
    else if (event.target.matches('[data-forget]')) finish(server.forget_form([id]));
  });
  dialog.addEventListener('keydown', event => {
    if (event.key === 'Enter' && event.target.matches('textarea')) { event.preventDefault(); dialog.querySelector('form').requestSubmit(); }
  });
  dialog.addEventListener('close', () => {
    dialog.remove();
    document.querySelector(`#library [data-edit="${id}"]`)?.focus();
  });
  (document.querySelector('.gradio-container') || document.body).append(dialog);
  dialog.showModal();
}
