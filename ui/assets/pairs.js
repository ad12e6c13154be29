const boxes = () => [...element.querySelectorAll('tbody input[type=checkbox]')];
const chosen = () => boxes().filter(box => box.checked).map(box => Number(box.value));
function count() {
  const button = element.querySelector('[data-delete]');
  if (button) button.disabled = !chosen().length;
}
element.addEventListener('change', event => {
  if (event.target.matches('[data-all]')) for (const box of boxes()) box.checked = event.target.checked;
  count();
});
element.addEventListener('click', async event => {
  if (!event.target.matches('[data-delete]')) return;
  await ask(server.delete_pairs(chosen()));
  trigger('deleted');
});
watch('value', () => {
  for (const box of boxes()) box.checked = false;
  count();
});
