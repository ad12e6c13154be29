element.addEventListener('click', event => {
  const button = event.target.closest('button');
  if (button) pressedOfJob(button, server, trigger);
});
watch('value', () => dispatchEvent(new CustomEvent('map-state')));
