const boxes = () => [...element.querySelectorAll('tbody input[type=checkbox]')];
const chosen = () => boxes().filter(box => box.checked).map(box => Number(box.value));
const reports = new Map();   // how papers were read, as long as they are shown, by id: rows are made anew
function placeReports() {
  for (const row of element.querySelectorAll('tr.reading')) row.remove();
  for (const [id, html] of reports) {
    const button = element.querySelector(`[data-report="${id}"]`);
    if (!button) continue;
    button.setAttribute('aria-expanded', 'true');
    const row = button.closest('tr').insertAdjacentElement('afterend', document.createElement('tr'));
    row.className = 'reading';
    row.innerHTML = `<td colspan="7">${html}</td>`;
  }
}
let kept = new Set();    // rows move when papers come and go, and a tick would stay with the row's place
function count() {
  kept = new Set(chosen());
  const button = element.querySelector('[data-remove]'), many = chosen().length;
  if (!button) return;
  button.disabled = !many;
  button.textContent = many ? `Remove ${many} chosen` : 'Remove chosen';
  for (const one of element.querySelectorAll('[data-chosen]')) one.disabled = !many;
}
element.addEventListener('change', event => {
  if (event.target.matches('[data-all]')) for (const box of boxes()) box.checked = event.target.checked;
  count();
});
element.addEventListener('click', async event => {
  const target = event.target;
  if (target.matches('[data-remove]')) {
    const rows = boxes().filter(box => box.checked).map(box => box.closest('tr')), ids = chosen();
    const named = rows.slice(0, 5).map(row => `“${row.querySelector('.title').textContent}”`).join(', ');
    const others = rows.length > 5 ? ` and ${rows.length - 5} more` : '';
    const judged = rows.reduce((sum, row) => sum + Number(row.dataset.judged), 0);
    const lost = judged ? ` ${judged === 1 ? '1 judgement on a passage goes' : `${judged} judgements on passages go`} too.` : '';
    const what = rows.length === 1 ? 'Its passages and its copy in the library go' : `${named}${others}: their passages and their copies in the library go`;
    const title = `Remove ${rows.length === 1 ? named : `${rows.length} papers`}?`;
    if (!await askFirst(title, `${what}, and can't be brought back.${lost}`, 'Remove')) return;
    if (await ask(server.remove_papers(ids)) !== null) dispatchEvent(new CustomEvent('papers-removed', { detail: ids }));
    trigger('changed');
  } else if (target.matches('[data-retry]')) {
    const password = target.closest('td').querySelector('[data-password]');
    await ask(server.retry_paper([target.dataset.retry, password && password.value]));
    trigger('changed');
  } else if (target.matches('[data-again]')) {
    if (await ask(server.read_again([target.dataset.again])) !== null) reports.delete(target.dataset.again);
    trigger('changed');
  } else if (target.matches('[data-report]')) {
    const id = target.dataset.report;
    target.setAttribute('aria-expanded', 'false');
    if (!reports.delete(id)) {
      const answer = await ask(server.report_reading([id]));
      if (answer !== null) reports.set(id, answer.html);
    }
    placeReports();
    if (reports.has(id)) target.closest('tr').nextElementSibling.scrollIntoView({ block: 'nearest' });
  } else if (target.matches('[data-dismiss-left-out]')) {
    await ask(server.dismiss_left_out_files([]));
    trigger('changed');
  } else if (target.matches('[data-edit]')) {
    await editPaper(target.dataset.edit, server, trigger);
  } else if (!await pressedOfCollection(target, server, trigger, chosen()) && !await pressedOfPrivacy(target, server, trigger)) await pressedOfJob(target, server, trigger);
});
element.addEventListener('keydown', event => {
  if (event.key === 'Enter' && event.target.matches('[data-password]')) event.target.closest('td').querySelector('[data-retry]').click();
});
const openCollections = keepOpen(element, '.collections'), openLeftOut = keepOpen(element, '.others-left-out');
watch('value', () => {
  placeReports();
  openCollections();
  openLeftOut();
  for (const box of boxes()) box.checked = kept.has(Number(box.value));
  const all = element.querySelector('[data-all]');
  if (all) all.checked = boxes().length > 0 && kept.size === boxes().length;
  count();
});
