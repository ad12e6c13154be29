const rows = () => [...element.querySelectorAll('.proposal')];
const queue = () => element.querySelector('.judge');
const ticked = () => rows().filter(row => row.querySelector('input').checked);
let current = null;              // the chosen row's id, as text
let writes = Promise.resolve();  // verdicts are written in the order they were given
let undoable = [];               // what was judged in this window, newest last
const gone = new Set();          // judged or skipped here; a value made before that may still show them
let kept = new Set();            // ticks by id: rows are made anew

function count() {
  kept = new Set(ticked().map(row => row.dataset.id));
  for (const button of element.querySelectorAll('[data-many], [data-skip-many]')) button.disabled = !kept.size;
  for (const button of element.querySelectorAll('[data-undo]')) button.disabled = !undoable.length;
}
function selectionIn(row) {   // words of the passage that are selected: the verdict is about these alone
  const selection = getSelection(), passage = row.querySelector('.passage');
  if (!selection.rangeCount || selection.isCollapsed || !passage.contains(selection.anchorNode) || !passage.contains(selection.focusNode)) return null;
  return String(selection).trim() || null;
}
function leave(chosen) {   // the rows go, and the next one is chosen
  const all = rows(), next = all.slice(all.indexOf(chosen[chosen.length - 1]) + 1).find(row => !chosen.includes(row))
    ?? all.filter(row => !chosen.includes(row)).pop();
  const focused = chosen.some(row => row.contains(document.activeElement));
  for (const row of chosen) { gone.add(row.dataset.id); row.remove(); }
  choose(next, focused);
  count();
}
function judge(chosen, relevance) {
  if (!chosen.length) return;
  const verdicts = chosen.map(row => [row.dataset.query, row.dataset.chunk, row.dataset.rank || null, row.dataset.model || null,
    chosen.length === 1 ? selectionIn(row) : null]);
  const ids = chosen.map(row => row.dataset.id);
  if (verdicts[0][4]) say('Only the words you had selected are kept as the passage.');
  getSelection().removeAllRanges();
  undoable.push({ verdicts, ids });
  leave(chosen);
  write(server.judge_many, [verdicts, relevance, judgeName()], ids);
}
function write(call, argument, ids) {
  writes = writes.then(async () => {
    const answer = await ask(call(argument));
    if (answer === null) {
      ids.forEach(id => gone.delete(id));
      undoable = undoable.filter(one => one.ids !== ids);
    }
    trigger('judged');
  });
}
function undo() {
  const last = undoable.pop();
  if (!last) return;
  last.ids.forEach(id => gone.delete(id));
  write(server.judge_many, [last.verdicts, null, null], last.ids);
  count();
}
function skip(chosen) {
  if (!chosen.length) return;
  const ids = chosen.map(row => row.dataset.id);
  leave(chosen);
  write(server.skip_many, ids, ids);
}
function choose(row, focus) {
  if (!row) return;
  for (const one of rows()) {
    one.classList.toggle('chosen', one === row);
    one.tabIndex = one === row ? 0 : -1;
  }
  current = row.dataset.id;
  if (focus) { row.focus({ preventScroll: true }); row.scrollIntoView({ block: 'nearest' }); }
}
element.addEventListener('click', async event => {
  const button = event.target.closest('button'), row = event.target.closest('.proposal');
  if (button && await pressedOfJob(button, server, trigger)) return;
  if (button?.dataset.relevance) return judge([row], Number(button.dataset.relevance));
  if (button?.matches('[data-skip]')) return skip([row]);
  if (button?.dataset.many) return judge(ticked(), Number(button.dataset.many));
  if (button?.matches('[data-skip-many]')) return skip(ticked());
  if (button?.matches('[data-undo]')) return undo();
  if (button?.matches('[data-look]')) { if (await ask(server.look_again([true])) !== null) trigger('judged'); return; }
  if (row && !event.target.closest('a, input') && !String(getSelection())) choose(row, true);
});
element.addEventListener('change', event => {
  if (event.target.matches('[data-all]')) for (const row of rows()) row.querySelector('input').checked = event.target.checked;
  count();
});
element.addEventListener('mousedown', event => {   // a press on a button leaves the selected words selected
  if (event.target.closest('.verdict button')) event.preventDefault();
});
document.addEventListener('keydown', event => {   // wherever the focus is: rows are made anew after each verdict
  if (event.ctrlKey || event.metaKey || event.altKey || !element.offsetParent || event.target.closest('input:not([type=checkbox]), textarea, select')) return;
  const all = rows(), at = all.findIndex(row => row.dataset.id === current), row = all[at];
  const step = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (event.key === 'u') undo();
  else if (!row) return;
  else if (step && (event.key.length === 1 || event.target.closest('.proposal'))) choose(all[Math.min(all.length - 1, Math.max(0, at + step))], true);
  else if (event.key === 'a' || event.key === 'r') judge([row], event.key === 'a' ? 1 : 0);
  else if (event.key === 's') skip([row]);
  else if (event.key === 'x') { const box = row.querySelector('input'); box.checked = !box.checked; count(); }
  else return;
  event.preventDefault();
});
function settle() {
  for (const row of rows()) if (gone.has(row.dataset.id)) row.remove();
  for (const row of rows()) row.querySelector('input').checked = kept.has(row.dataset.id);
  choose(rows().find(row => row.dataset.id === current) ?? rows()[0], false);
  count();
}
watch('value', settle);
settle();   // what the page came with
let looked = null;   // the mark at which it was asked for
new ResizeObserver(() => {   // seen for the first time since something changed
  const mark = queue()?.dataset.mark;
  if (!element.offsetParent || looked === mark) return;
  looked = mark;
  ask(server.look_again([false]));
}).observe(element);
