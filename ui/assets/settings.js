const field = form => form.querySelector('input, select');
const initial = control => control.matches('select') ? [...control.options].find(option => option.defaultSelected)?.value : control.defaultValue;
async function change(form, call) {
  for (const button of form.querySelectorAll('button')) button.disabled = true;
  const answer = await ask(call);
  if (answer === null) {   // what was typed stays, to be mended
    for (const button of form.querySelectorAll('button')) button.disabled = false;
    return field(form).focus();
  }
  say(answer.said);
  trigger('changed');
}
element.addEventListener('input', event => {
  const form = event.target.closest('form'), save = form && form.querySelector('[type=submit]');
  if (save) save.disabled = event.target.value === initial(event.target);
});
element.addEventListener('submit', event => {
  event.preventDefault();
  const form = event.target;
  change(form, server.store_value([form.dataset.name, field(form).value]));
});
element.addEventListener('click', event => {
  const form = event.target.closest('form');
  if (form && event.target.closest('[data-forget]')) change(form, server.forget_value([form.dataset.name]));
});
