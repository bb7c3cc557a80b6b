/** What parameters a function has, as far as that can be seen from outside. */

/**
 * Whether a function sees a second argument. One that certainly does not is spared the signal: an arrow function or a
 * function whose text has a single simple parameter and does not mention `arguments`.
 */
export function takesSecondArgument(handler: (...args: never[]) => unknown): boolean {
  if (handler.length > 1) return true
  const text = Function.prototype.toString.call(handler)
  const isSimple =
    /^(?:async\s*)?(?:[\w$]+\s*=>|(?:function\s*[\w$]*\s*)?\(\s*(?:[\w$]+|\{[\w$\s,:]*\})?\s*\)\s*(?:=>|\{))/
  return !isSimple.test(text) || text.includes('arguments')
}
