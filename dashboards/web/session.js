// Who looks on: the token of this tab. Control asks for one when its doors are shut; it is kept until the tab is closed, and goes to
// control alone.
const KEY = 'trimtab-token'

/** Control did not let us in; its message says why. */
export class NotLetIn extends Error {}

/** An answer of control that is a success; everything else throws. */
export async function ask(path, options = {}) {
  const token = sessionStorage.getItem(KEY)
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(path, { ...options, headers })
  if (answer.ok) return answer
  const { message = `control answered ${answer.status}` } = await answer.json().catch(() => ({}))
  if (answer.status === 401 || answer.status === 403) throw new NotLetIn(token === null ? '' : message)
  throw new Error(message)
}

/** Shows the form, with why the token before was not taken, until one is given. */
export function login(why) {
  const form = document.getElementById('login')
  document.getElementById('login-why').textContent = why
  form.hidden = false
  form.elements.token.focus()
  return new Promise(resolve => {
    form.onsubmit = event => {
      event.preventDefault()
      sessionStorage.setItem(KEY, form.elements.token.value.trim())
      form.reset()
      form.hidden = true
      resolve()
    }
  })
}
