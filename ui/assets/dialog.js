// A dialog over the page: the focus stays in it, Escape closes it, and what had the focus has it again.
function openDialog(name, label, html, back) {
  const before = document.activeElement, dialog = document.createElement('dialog');
  dialog.id = name;
  dialog.className = 'dialog';
  dialog.setAttribute('aria-label', label);
  dialog.innerHTML = html;
  dialog.addEventListener('click', event => { if (event.target.matches('[data-close]')) dialog.close(); });
  dialog.addEventListener('keydown', event => { if (event.key === 'Tab') keepFocus(dialog, event); });
  dialog.addEventListener('close', () => {
    dialog.remove();
    (before?.isConnected ? before : back?.())?.focus();
  });
  (document.querySelector('.gradio-container') || document.body).append(dialog);
  dialog.showModal();
  return dialog;
}
// Asks before what can't be taken back: true where the button that names it was pressed. Enter at once does nothing.
function askFirst(title, sentence, verb) {
  return new Promise(resolve => {
    const dialog = openDialog('sure', title, `<form method="dialog"><h2></h2><p></p>
      <div class="buttons"><button type="submit" class="danger" value="sure"></button><button type="button" data-close autofocus>Cancel</button></div></form>`);
    for (const [place, text] of [['h2', title], ['p', sentence], ['.danger', verb]]) dialog.querySelector(place).textContent = text;
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'sure'));
  });
}
function keepFocus(dialog, event) {   // from the last to the first, and not to the browser's own buttons
  const stops = [...dialog.querySelectorAll('button, input, textarea, select, [tabindex="0"]')].filter(one => !one.disabled);
  const [from, to] = event.shiftKey ? [stops[0], stops.at(-1)] : [stops.at(-1), stops[0]];
  if (document.activeElement !== from) return;
  event.preventDefault();
  to.focus();
}
// Closes the dialog once the call went well: true then. What was refused stands inside it, since nothing outside a modal
// dialog can be read out.
async function finishDialog(dialog, call) {
  let answer = null;
  try { answer = await call; } catch (error) { answer = { error: 'The program does not answer. Is it still running?' }; }
  const refusal = dialog.querySelector('.refusal');
  refusal.textContent = answer?.error ?? '';
  refusal.hidden = !answer?.error;
  if (!answer?.error) dialog.close();
  return !answer?.error;
}
// Whether a key is meant for a field or a dialog, or belongs to the browser.
function isTyped(event) {
  const field = event.target.closest?.('input:not([type=checkbox]), textarea, select, [contenteditable="true"]');
  return !!field || event.ctrlKey || event.metaKey || event.altKey || !!document.querySelector('dialog[open]');
}
