// What the page shows is kept in its address: the tab, the question with its filter, the chosen passage; a new question
// and another tab are steps of the browser's history. Read before Gradio selects a tab.
window.firstAddress = new URLSearchParams(location.search);
window.wantedAddress = location.search;   // what is to be asked next by an address
const ofThePage = name => name === 'tab' || name === 'passage' || name.startsWith('__');
const tabOf = values => values.get('tab') ?? 'search';
function changeAddress(change, step) {
  const address = new URL(location.href);
  change(address.searchParams);
  if (address.href !== location.href) history[step ? 'pushState' : 'replaceState'](null, '', address);
}
function openTab(name) {
  const button = document.querySelectorAll('#tabs button[role=tab]')[tabNames.indexOf(name)];
  if (button && button.getAttribute('aria-selected') !== 'true') button.click();
}
document.addEventListener('click', event => {   // a link to another tab of this page, which keeps what is on the others
  const link = event.target.closest('a[data-open-tab]');
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  openTab(link.dataset.openTab);
});
function keepTab(name) {
  changeAddress(values => values.set('tab', name), tabOf(new URLSearchParams(location.search)) !== name);
}
function isSameSearch(one, other) {
  const [a, b] = [one, other].map(address => [...new URLSearchParams(address)].filter(([name]) => !ofThePage(name)));
  return String(a) === String(b);
}
// The address of what the desk shows, as the server wrote it. A search that was asked for by an address is no new step.
function keepSearch(asked, restored) {
  if (isSameSearch(location.search, asked)) return;
  changeAddress(values => {
    for (const name of [...values.keys()]) if (!ofThePage(name) || (name === 'passage' && !restored)) values.delete(name);
    for (const [name, value] of new URLSearchParams(asked)) values.append(name, value);
  }, !restored);
}
function keepPassage(chunk) {
  changeAddress(values => values.set('passage', chunk));
}
const passageOfAddress = () => new URLSearchParams(location.search).get('passage');
addEventListener('popstate', () => {
  openTab(tabOf(new URLSearchParams(location.search)));
  dispatchEvent(new CustomEvent('went-back'));
});
// A question asked from elsewhere on the page, as if it had been typed on the Search tab.
function askOnSearchTab(question) {
  openTab('search');
  const field = document.querySelector('#question textarea, #question input');
  const set = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), 'value').set;
  set.call(field, question);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  requestAnimationFrame(() => document.querySelector('#search').click());
}
