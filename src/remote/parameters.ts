/** Finds out which parameters a function has, as far as its text shows. */

/**
 * Whether a function can see a second argument. A function that certainly cannot see it needs no signal: an arrow
 * function, or a function whose text has one simple parameter and does not mention `arguments`.
 */
export function takesSecondArgument(handler: (...args: never[]) => unknown): boolean {
  if (handler.length > 1) return true
  const text = Function.prototype.toString.call(handler)
  const isSimple =
    /^(?:async\s*)?(?:[\w$]+\s*=>|(?:function\s*[\w$]*\s*)?\(\s*(?:[\w$]+|\{[\w$\s,:]*\})?\s*\)\s*(?:=>|\{))/
  return !isSimple.test(text) || text.includes('arguments')
}
