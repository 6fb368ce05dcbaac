// Building blocks for schemas, of core and of plugins: sizes, times, addresses, secrets. Each says what it accepts.
import { isIP } from 'node:net'
import { z } from 'zod'

const sizeUnit: Record<string, number> = { '': 1, B: 1, KIB: 2 ** 10, KB: 1e3, K: 2 ** 10, MIB: 2 ** 20, MB: 1e6, M: 2 ** 20, GIB: 2 ** 30, GB: 1e9, G: 2 ** 30, TIB: 2 ** 40, TB: 1e12 }
const timeUnit: Record<string, number> = { '': 1, s: 1, sec: 1, m: 60, min: 60, h: 3600, d: 86_400 }

/** Octets: 1048576, '1 MiB', '500kB'. Comes out as a number. */
export function octets(preset: string | number) {
  return z
    .union([z.number().int().min(0), z.string().regex(/^\s*\d+(\.\d+)?\s*([KMGT]i?B?|B)?\s*$/i, 'octets, for example 65536, 64KiB or 50 MiB')])
    .transform((value) => (typeof value === 'number' ? value : Math.round(scaled(value.toUpperCase(), sizeUnit))))
    .prefault(preset)
}

/** A length of time: seconds as a number, or '90s', '30min', '12h', '365d'. Comes out in seconds. */
export function seconds(preset: string | number) {
  return z
    .union([z.number().min(0), z.string().regex(/^\s*\d+(\.\d+)?\s*(s|sec|m|min|h|d)?\s*$/, 'seconds, or for example 30min, 12h, 365d')])
    .transform((value) => (typeof value === 'number' ? value : scaled(value, timeUnit)))
    .prefault(preset)
}

function scaled(text: string, units: Record<string, number>): number {
  const [, number, unit] = /^\s*([\d.]+)\s*([A-Za-z]*)\s*$/.exec(text)!
  return Number(number) * units[unit!]!
}

/** 'address:port', '[::1]:143', ':143' (all addresses); '' or 'off' switches a listener off. Port 0 takes a free one. */
export function listenAddress(preset: string) {
  return z.string().regex(/^(off|(\[[0-9A-Fa-f:.]+\]|[^\s:]*):\d{1,5})?$/, "address:port, for example 127.0.0.1:2525, [::1]:2525 or :25; 'off' for none").default(preset)
}

/** Whether a listener is switched off. */
export function isOff(address: string): boolean {
  return address === '' || address === 'off'
}

/**
 * A password or key: written down, or `file:/path` whose content is taken (without the line end) when the configuration is
 * loaded. Never printed. What comes out is always the secret itself.
 */
export function secret() {
  return z.string().meta({ writeOnly: true })
}

/** A map of settings that may be left out. */
export function section<S extends z.ZodRawShape>(shape: S) {
  return z.strictObject(shape).prefault({} as never)
}

/** An address or a network: '10.0.0.5', '10.0.0.0/8', '2001:db8::/32'. */
export const network = z.string().refine((text) => {
  const [address = '', bits, ...rest] = text.split('/')
  return isIP(address) > 0 && !rest.length && (bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (isIP(address) === 4 ? 32 : 128)))
}, 'an address or network, for example 10.0.0.5 or 10.0.0.0/8')
