// The names that plugins require and provide. Each core part (and a plugin that offers a service) adds its own entry
// by declaration merging: `declare module '@restante/core' { interface Services { … } }`; inside core on this module.

// eslint-disable-next-line @typescript-eslint/no-empty-object-type
export interface Services {}
export type ServiceName = keyof Services
