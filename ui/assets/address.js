// What the page shows is kept in its address: the tab, the question with its filter. Read before Gradio selects a tab.
window.firstAddress = new URLSearchParams(location.search);
window.wantedAddress = location.search;   // what is to be asked next by an address
function changeAddress(change) {
  const address = new URL(location.href);
  change(address.searchParams);
  history.replaceState(null, '', address);
}
function openTab(index) {
  const button = document.querySelectorAll('#tabs button[role=tab]')[index];
  if (index > 0 && button) button.click();
}
function keepTab(name) {
  changeAddress(values => values.set('tab', name));
}
function keepSearch(asked) {   // the address of what the desk shows, as the server wrote it
  changeAddress(values => {
    for (const name of [...values.keys()]) if (name !== 'tab' && !name.startsWith('__')) values.delete(name);
    for (const [name, value] of new URLSearchParams(asked)) values.append(name, value);
  });
}
// A question asked from elsewhere on the page, as if it had been typed on the Search tab.
function askOnSearchTab(question) {
  document.querySelectorAll('#tabs button[role=tab]')[0].click();
  const field = document.querySelector('#question textarea, #question input');
  const set = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set;
  set.call(field, question);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  requestAnimationFrame(() => document.querySelector('#search').click());
}
