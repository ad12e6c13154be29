// The form lies outside the table, which is made anew while papers are read: what is typed stays.
async function editPaper(id, server, trigger) {
  const answer = await ask(server.show_form([id]));
  if (answer === null) return;
  const dialog = openDialog('edit', 'Edit a paper', answer.html, () => document.querySelector(`#library [data-edit="${id}"]`));
  const finish = async call => { if (await finishDialog(dialog, call)) trigger('changed'); };
  dialog.addEventListener('submit', event => {
    event.preventDefault();
    const fields = [...dialog.querySelectorAll('[name]')].filter(field => field.value !== field.defaultValue);
    if (!fields.length) return dialog.close();
    finish(server.save_form([id, Object.fromEntries(fields.map(field => [field.name, field.value]))]));
  });
  dialog.addEventListener('click', event => { if (event.target.matches('[data-forget]')) finish(server.forget_form([id])); });
  dialog.addEventListener('keydown', event => {
    if (event.key === 'Enter' && event.target.matches('textarea')) { event.preventDefault(); dialog.querySelector('form').requestSubmit(); }
  });
}
