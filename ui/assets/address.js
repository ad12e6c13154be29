// What the page shows is kept in its address: the tab, the question and its filter. Read before Gradio selects a tab.
window.firstAddress = new URLSearchParams(location.search);
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
function keepSearch(question, k, papers, blind) {
  changeAddress(values => {
    for (const name of ['q', 'k', 'paper', 'blind']) values.delete(name);
    if (!question.trim()) return;
    values.set('q', question);
    values.set('k', k);
    for (const paper of papers || []) values.append('paper', paper);
    if (blind) values.set('blind', '1');
  });
  return [question, k, papers, blind];
}
function searchOfAddress(k) {
  const papers = firstAddress.getAll('paper').map(paper => /^\d+$/.test(paper) ? Number(paper) : paper);
  const wanted = Math.trunc(Number(firstAddress.get('k')));
  return [firstAddress.get('q') || '', wanted >= 5 && wanted <= 50 ? wanted : k, papers, firstAddress.has('blind')];
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
