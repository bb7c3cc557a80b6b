/** What a terminal shows, as a picture that every viewer shows alike: plain colours and attributes, no style sheet. */

const [left, top, lineHeight, columnWidth] = [18, 30, 19, 7.83]

/**
 * @param lines What the terminal shows, without escape sequences.
 * @param columns How wide the terminal is.
 */
export function toPicture(title: string, lines: readonly string[], columns: number): string {
  const width = Math.ceil(2 * left + columns * columnWidth)
  const height = top + lines.length * lineHeight + 6
  const words = lines.flatMap((line, row) =>
    // What two spaces part has a place of its own, so that columns stand below each other in any font.
    [...line.matchAll(/\S+(?: \S+)*/g)].map(({0: content, index}) => {
      const x = Math.round((left + index * columnWidth) * 10) / 10
      return `<text x="${x}" y="${top + row * lineHeight}">${escape(content)}</text>`
    }),
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
  <rect width="${width}" height="${height}" rx="8" fill="#1f2328"/>
  <g font-family="'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace" font-size="13" fill="#e6edf3">
  ${words.join('\n  ')}
  </g>
</svg>
`
}

function escape(content: string): string {
  return content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
