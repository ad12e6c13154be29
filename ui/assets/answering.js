// Passages that were found with a model which answers no more say so; a press asks for them anew.
function tellWhoAnswers() {
  const other = element.querySelector('[data-other]'), now = document.querySelector('#header [data-model]');
  if (!other || !now) return;
  other.hidden = !now.dataset.model || now.dataset.model === desk().dataset.model;
  if (!other.hidden) other.textContent = `${now.textContent.trim()} answers now: ask again`;
}
addEventListener('header-renewed', tellWhoAnswers);
watch('value', tellWhoAnswers);
