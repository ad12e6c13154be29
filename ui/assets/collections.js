// Collections: the bar above the papers puts those chosen into one, or takes them out; true where it was its button.
async function pressedOfCollection(button, server, trigger, papers) {
  const { collect, collection } = button.dataset;
  if (!collect) return false;
  const select = element.querySelector('[data-collections]');
  const id = collection || (select && select.value), shown = button.dataset.name || '';
  const action = collect === 'put' && id === 'new' ? 'create' : collect;
  if (action === 'create' || action === 'rename') nameCollection(action, action === 'create' ? null : id, shown, papers, server, trigger);
  else if (action === 'delete' && !confirm(`Delete the collection “${shown}”? Its papers stay in the library.`)) return true;
  else if (await ask(server.collect([action, id, '', papers])) !== null) trigger('changed');
  return true;
}
function nameCollection(action, id, shown, papers, server, trigger) {
  const title = action === 'create' ? 'A new collection' : 'Rename the collection', verb = action === 'create' ? 'Make' : 'Rename';
  const dialog = openDialog('collection', title, `<form method="dialog"><h2>${title}</h2>
    <label>Name<input name="name" maxlength="200" autocomplete="off" required></label><p class="refusal" role="alert" hidden></p>
    <div class="buttons"><button type="submit" class="primary">${verb}</button><button type="button" data-close>Cancel</button></div></form>`);
  const field = dialog.querySelector('input');
  field.value = shown;
  field.select();
  dialog.addEventListener('submit', async event => {
    event.preventDefault();
    if (await finishDialog(dialog, server.collect([action, id, field.value, papers]))) trigger('changed');
  });
}
