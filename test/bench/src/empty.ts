/** Nothing: what importing a module costs at least. */
export const nothing = undefined
