// Collections: the bar above the papers puts those chosen into one, or takes them out; a button above makes an empty one,
// for papers to come. True where it was one of these.
async function pressedOfCollection(button, server, trigger, papers) {
  const { collect, collection } = button.dataset;
  if (!collect) return false;
  const select = element.querySelector('[data-collections]');
  const id = collection || (select && select.value), shown = button.dataset.name || '';
  const action = collect !== 'put' ? collect : id === 'new' ? 'create' : id === 'new private' ? 'create private' : 'put';
  if (action.startsWith('create') || action === 'rename') nameCollection(action, action === 'rename' ? id : null, shown, collect === 'put' ? papers : [], server, trigger);
  else if (action === 'delete' && !await askFirst(`Delete the collection “${shown}”?`, 'Its papers stay in the library.', 'Delete')) return true;
  else if (await ask(server.collect([action, id, '', papers])) !== null) trigger('changed');
  return true;
}
function nameCollection(action, id, shown, papers, server, trigger) {
  const titles = { create: 'A new collection', 'create private': 'A new private collection' };
  const title = titles[action] || 'Rename the collection', verb = titles[action] ? 'Make' : 'Rename';
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
// A paper is made private to who has added it, or shared; true where it was the button for it.
async function pressedOfPrivacy(button, server, trigger) {
  const { paper, private: wanted } = button.dataset;
  if (!paper) return false;
  const title = button.closest('tr').querySelector('.title').textContent;
  const sure = wanted ? await askFirst(`Make “${title}” private?`, 'Nobody else sees it any more, and it leaves shared collections.', 'Make private')
    : await askFirst(`Share “${title}”?`, 'Everybody sees it then, with your verdicts on it.', 'Share');
  if (sure && await ask(server.set_privacy([paper, Boolean(wanted)])) !== null) trigger('changed');
  return true;
}
