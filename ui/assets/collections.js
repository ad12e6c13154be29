// Collections: the bar above the papers puts those chosen into one, or takes them out; true where it was its button.
async function pressedOfCollection(button, server, trigger, papers) {
  const { collect, collection } = button.dataset;
  if (!collect) return false;
  const select = element.querySelector('[data-collections]');
  const id = collection || (select && select.value), shown = button.dataset.name || '';
  let name = '', action = collect;
  if (collect === 'put' && id === 'new') action = 'create';
  if (action === 'create') name = prompt('Name of the new collection');
  if (action === 'rename') name = prompt('New name of the collection', shown);
  if (name === null) return true;
  if (action === 'delete' && !confirm(`Delete the collection “${shown}”? Its papers stay in the library.`)) return true;
  if (await ask(server.collect([action, action === 'create' ? null : id, name, papers])) !== null) trigger('changed');
  return true;
}
