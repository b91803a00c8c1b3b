import { isValidPhoneNumber } from 'libphonenumber-js/max'
import type { CustomerWish } from '../customers/store.js'

const FIRST =
  'Ada Amara Anselm Beatriz Bjarne Carmen Chidi Dana Diego Elif Emeka Farah Finn Greta Hana Henrik Ines Ivo Jana Jonas Kaito Katarzyna Lars Leila Luca Maren Mateo Mina Nadia Noor Olga Oskar Paula Priya Rafael Rosa Samir Sofia Tariq Yuki'.split(
    ' ',
  )
const LAST =
  'Adeyemi Almeida Andersen Bauer Bergmann Castillo Cohen Demir Diaz Eriksen Fischer Fontana Gruber Haddad Hoffmann Ibrahim Ito Jansen Kaya Kowalski Larsen Lindqvist Marino Mbeki Moreau Nakamura Novak Okafor Olsen Patel Petrov Quist Rossi Schmid Silva Tanaka Vargas Weber Yilmaz Zimmermann'.split(
    ' ',
  )
const DOMAINS = ['example.com', 'example.org', 'example.net']
const TAGS = ['vip', 'newsletter', 'trial', 'wholesale', 'returning', 'support']
const CITIES = ['Hamburg', 'Lisbon', 'Oslo', 'Lagos', 'Izmir', 'Kyoto', 'Torino', 'Gdansk', 'Lyon', 'Porto']

/** Made-up people who look like the customers of a shop: the same ones each time, for the same number. */
export function demoCustomers(count: number, prefix: string): CustomerWish[] {
  return Array.from({ length: count }, (_, number) => {
    const first = pick(FIRST, number)
    const last = pick(LAST, number * 7 + Math.floor(number / FIRST.length))
    const name = `${first} ${last}`
    return {
      name,
      email: `${name.toLowerCase().replace(' ', '.')}${number}@${pick(DOMAINS, number)}`,
      phone: demoPhone(number),
      external_id: `${prefix}-${String(1001 + number)}`,
      tags: TAGS.filter((_tag, position) => (number + position) % 4 === 0),
      metadata: { city: pick(CITIES, number * 3), orders: (number * 13) % 40 },
    }
  })
}

/** Numbers that regulators keep for fiction, where there are enough of them. */
function demoPhone(number: number): string | null {
  const written = number % 3 === 0 ? null : `+4477009${String(10_000 + number * 37).slice(-5)}`
  return written !== null && isValidPhoneNumber(written) ? written : null
}

function pick(list: readonly string[], position: number): string {
  return list[position % list.length] as string
}
