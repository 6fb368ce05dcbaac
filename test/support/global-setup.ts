// Runs once before all tests: one PostgreSQL for every suite that also runs there.
export async function setup(): Promise<void> {}
