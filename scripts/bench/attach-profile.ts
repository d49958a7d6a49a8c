export async function profileAttach(..._a: unknown[]): Promise<void> {}
