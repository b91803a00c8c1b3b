import type { CreateCustomerInput } from '../../features/customers/store.js'

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
/** Seven area codes, so that numbers a hundred apart have different ones. */
const AREAS = ['202', '212', '303', '312', '415', '512', '617']
const CITIES = ['Hamburg', 'Lisbon', 'Oslo', 'Lagos', 'Izmir', 'Kyoto', 'Torino', 'Gdansk', 'Lyon', 'Porto']

/** Returns invented customers of a shop. The same count always gives the same customers. */
export function demoCustomers(count: number, prefix: string): CreateCustomerInput[] {
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

/** Numbers that are reserved for fiction: 555-0100 to 555-0199 of an area code. */
function demoPhone(number: number): string | null {
  if (number % 3 === 0) return null
  return `+1${pick(AREAS, number)}55501${String(number % 100).padStart(2, '0')}`
}

function pick(list: readonly string[], position: number): string {
  return list[position % list.length] as string
}
