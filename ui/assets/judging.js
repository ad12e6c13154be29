// What judging has in common on the Search and the Judge tab: words selected in a passage, or a part of it cut out in a
// dialog, are judged alone.
function selectionIn(passage) {
  const selection = getSelection();
  if (!passage || !selection.rangeCount || selection.isCollapsed || !passage.contains(selection.anchorNode) || !passage.contains(selection.focusNode)) return null;
  return String(selection).trim() || null;
}
function takeSelection(passage) {   // and leave nothing selected
  const part = selectionIn(passage);
  getSelection().removeAllRanges();
  return part;
}
const tellPart = part => { if (part) say('Only the words you had selected are kept as the passage.'); };
element.addEventListener('mousedown', event => {   // a press on a button leaves the selected words selected
  if (event.target.closest('.verdict button')) event.preventDefault();
});
// `approve` is given the part, and answers as the server does; true where it was approved.
function editPart(passage, part, approve) {
  return new Promise(resolve => {
    const dialog = openDialog('part', 'Approve a part', `<form method="dialog"><h2>Approve a part</h2>
      <p class="sub">Cut off what does not answer, at the beginning and at the end. What is left is kept as the passage.</p>
      <textarea rows="9" aria-label="The part that answers" autocomplete="off" spellcheck="false"></textarea>
      <p class="refusal" role="alert" hidden></p>
      <div class="buttons"><button type="submit" class="primary">✓ Approve</button><button type="button" data-whole>All of it</button><button type="button" data-close>Cancel</button></div></form>`);
    const field = dialog.querySelector('textarea');
    let approved = false;
    const fill = text => { field.value = text; field.focus(); field.setSelectionRange(0, 0); field.scrollTop = 0; };
    fill(part || passage);
    dialog.querySelector('[data-whole]').addEventListener('click', () => fill(passage));
    dialog.addEventListener('submit', async event => {
      event.preventDefault();
      approved = true;
      approved = await finishDialog(dialog, approve(field.value));
    });
    dialog.addEventListener('keydown', event => {
      if (event.key === 'Enter' && event.target === field) { event.preventDefault(); dialog.querySelector('form').requestSubmit(); }
    });
    dialog.addEventListener('close', () => resolve(approved));
  });
}
// The keys that both have: a step to another passage, or one of `act`; true where it was one.
function pressedKey(event, act, step) {
  const by = { j: 1, ArrowDown: 1, k: -1, ArrowUp: -1 }[event.key];
  if (by && (event.key.length === 1 || event.target.closest('.hit, .proposal'))) step(by);
  else if (Object.hasOwn(act, event.key)) act[event.key]();
  else return false;
  event.preventDefault();
  return true;
}
