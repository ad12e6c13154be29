// Whoever is signed out while the page is open, as by a new password or a library's first user, is told so once: else the
// page would stand still without a word.
const fetchIt = window.fetch;
window.fetch = async (...asked) => {
  const answer = await fetchIt(...asked);
  if (answer.status === 401 && !document.querySelector('#signed-out')) tellSignedOut();
  return answer;
};
function tellSignedOut() {
  const dialog = openDialog('signed-out', 'Signed out', `<h2>You are signed out</h2><p class="sub">What was not sent yet is not kept.</p>
    <div class="buttons"><button type="button" class="primary">Sign in</button></div>`);
  dialog.querySelector('button').addEventListener('click', () => location.reload());
  dialog.addEventListener('cancel', event => event.preventDefault());   // there is nothing behind it that would answer
}
