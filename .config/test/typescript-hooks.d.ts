/** Compiles files ahead of the programs that load them, which would start a compiler each. */
export declare function prepare(files: readonly string[]): Promise<void>
