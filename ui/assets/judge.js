const held = () => [...element.querySelectorAll('.proposal')];   // with those that are hidden
const rows = () => held().filter(row => !row.hidden);
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
function leave(chosen) {   // the rows go, and the next one is chosen
  const all = rows(), next = all.slice(all.indexOf(chosen[chosen.length - 1]) + 1).find(row => !chosen.includes(row))
    ?? all.filter(row => !chosen.includes(row)).pop();
  const focused = chosen.some(row => row.contains(document.activeElement));
  for (const row of chosen) { gone.add(row.dataset.id); row.hidden = true; }
  choose(next, focused);
  count();
}
function judge(chosen, relevance) {
  if (!chosen.length) return;
  const part = chosen.length === 1 ? takeSelection(chosen[0].querySelector('.passage')) : null;
  tellPart(part);
  const verdicts = chosen.map(row => verdictOn(row, part)), ids = chosen.map(row => row.dataset.id);
  undoable.push({ verdicts, ids });
  leave(chosen);
  write(server.judge_many, [verdicts, relevance, judgeName()], ids);
}
function verdictOn(row, part) {
  return [row.dataset.query, row.dataset.chunk, row.dataset.rank || null, row.dataset.model || null, part];
}
async function judgePart(row) {   // refused in the dialog, so the row goes only once the verdict is stored
  let verdicts;
  const approve = part => server.judge_many([verdicts = [verdictOn(row, part)], 1, judgeName()]);
  if (!await editPart(row.querySelector('.passage').textContent.trim(), null, approve)) return;
  undoable.push({ verdicts, ids: [row.dataset.id] });
  leave([row]);
  trigger('judged');
}
function write(call, argument, ids) {
  writes = writes.then(async () => {
    const answer = await ask(call(argument));
    if (answer === null) {
      undoable = undoable.filter(one => one.ids !== ids);
      comeBack(ids);
    }
    trigger('judged');
  });
}
function undo() {
  const last = undoable.pop();
  if (!last) return;
  if (last.skipped) {   // they were given up on the server: only a new look finds them again
    count();
    say('What you skipped is looked for anew, and comes back where it is still worth a verdict.');
    return writes.then(lookAgain);
  }
  write(server.judge_many, [last.verdicts, null, null], last.ids);
  comeBack(last.ids);
}
function comeBack(ids) {   // at once: the next value may be the very one that is shown, and then none comes
  ids.forEach(id => gone.delete(id));
  settle();
}
function skip(chosen) {
  if (!chosen.length) return;
  const ids = chosen.map(row => row.dataset.id);
  undoable.push({ skipped: true, ids });
  leave(chosen);
  write(server.skip_many, ids, ids);
}
const lookAgain = async () => { if (await ask(server.look_again([true])) !== null) trigger('judged'); };
function choose(row, focus) {
  if (!row) return;
  for (const one of held()) {
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
  if (button?.matches('[data-edit-part]')) return judgePart(row);
  if (button?.matches('[data-skip]')) return skip([row]);
  if (button?.dataset.many) return judge(ticked(), Number(button.dataset.many));
  if (button?.matches('[data-skip-many]')) return skip(ticked());
  if (button?.matches('[data-undo]')) return undo();
  if (button?.matches('[data-look]')) return lookAgain();
  if (row && !event.target.closest('a, input') && !String(getSelection())) choose(row, true);
});
element.addEventListener('change', event => {
  if (event.target.matches('[data-all]')) for (const row of rows()) row.querySelector('input').checked = event.target.checked;
  count();
});
function judgeChosen(relevance, row) {
  judge(ticked().length ? ticked() : [row], relevance);
}
document.addEventListener('keydown', event => {   // wherever the focus is: rows are made anew after each verdict
  if (isTyped(event) || !element.offsetParent) return;
  const all = rows(), at = all.findIndex(row => row.dataset.id === current), row = all[at];
  const tick = () => { const box = row.querySelector('input'); box.checked = !box.checked; count(); };
  const ofRow = { a: () => judgeChosen(1, row), r: () => judgeChosen(0, row), s: () => skip([row]), x: tick, e: () => judgePart(row) };
  const step = by => { if (row) choose(all[Math.min(all.length - 1, Math.max(0, at + by))], true); };
  pressedKey(event, { u: undo, ...(row ? ofRow : {}) }, step);
});
function settle() {
  for (const row of held()) row.hidden = gone.has(row.dataset.id);
  for (const row of rows()) row.querySelector('input').checked = kept.has(row.dataset.id);
  choose(rows().find(row => row.dataset.id === current) ?? rows()[0], false);
  count();
}
watch('value', settle);
settle();   // what the page came with
let looked = null;   // the mark at which it was asked for
new ResizeObserver(() => {   // seen for the first time since something changed
  const mark = queue()?.dataset.mark;
  if (!element.offsetParent || looked === mark || document.querySelector('#header [data-role="read"]')) return;   // a reader may not
  looked = mark;
  ask(server.look_again([false]));
}).observe(element);
