// Elements of the page. What control says is set as text, never as markup, and a link leads to http or https only.

/** An element with text or children. */
export function make(tag, content = '', className = '') {
  const element = document.createElement(tag)
  if (className !== '') element.className = className
  if (Array.isArray(content)) element.append(...content)
  else element.textContent = content
  return element
}

export const cell = (content, className = '') => make('td', content, className)
export const number = (text, className = '') => cell(text, `number ${className}`.trim())
export const small = (text, className = '') => make('small', text, className)

/** A link, or its text alone where the address is none of the web (a setting could hold `javascript:`). */
export function link(text, href) {
  if (!/^https?:$/.test(URL.parse(href)?.protocol ?? '')) return make('span', text)
  const element = make('a', text)
  element.href = href
  return element
}

/** A bar filled to a share of 0..1, and beside it what it says. */
export function bar(share, text, className = '') {
  const filled = make('i', '', className)
  filled.style.width = `${(100 * Math.min(1, Math.max(0, share))).toFixed(1)}%`
  return make('div', [make('span', [filled], 'bar'), make('span', text, 'share')], 'barred')
}

export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)} %`

/** Four digits say enough; a count of more than a thousand million is told by its exponent. */
export function short(value) {
  if (typeof value !== 'number') return String(value)
  return Math.abs(value) >= 1e9 ? value.toExponential(1) : String(Number(value.toPrecision(4)))
}

/** "12 s", "5 min", "1 h", "9 d"; 90 minutes stay minutes. */
export function duration(ms) {
  const units = [
    [86_400_000, 'd'],
    [3_600_000, 'h'],
    [60_000, 'min'],
  ]
  const [unitMs, name] = units.find(([unitMs]) => ms >= 2 * unitMs || ms === unitMs) ?? [1000, 's']
  return `${Math.ceil(ms / unitMs)} ${name}`
}

export function fillRows(body, rows, none) {
  const empty = cell(none, 'faint')
  empty.colSpan = 9
  fill(body, rows.length > 0 ? rows : [make('tr', [empty])])
}

/** Makes `parent` hold what `wanted` says. Nodes that are there already stay, so that selected text, focus and transitions live. */
export function fill(parent, wanted) {
  for (const [index, node] of wanted.entries()) {
    const standing = parent.childNodes[index]
    if (standing === undefined) parent.append(node)
    else if (standing.nodeName !== node.nodeName) standing.replaceWith(node)
    else become(standing, node)
  }
  while (parent.childNodes.length > wanted.length) parent.lastChild.remove()
}

function become(standing, wanted) {
  if (standing.nodeType === Node.TEXT_NODE) {
    if (standing.data !== wanted.data) standing.data = wanted.data
    return
  }
  for (const { name } of [...standing.attributes]) if (!wanted.hasAttribute(name)) standing.removeAttribute(name)
  for (const { name, value } of wanted.attributes) {
    if (standing.getAttribute(name) === value) continue
    if (name === 'style') standing.style.cssText = value
    else standing.setAttribute(name, value)
  }
  fill(standing, [...wanted.childNodes])
}
