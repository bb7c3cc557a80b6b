/** The work of `threads.ts`, as a thread loads it. */
export default function countPrimes({from, to}) {
  let primes = 0
  for (let number = Math.max(from, 2); number < to; number++) {
    let divisor = 2
    while (divisor * divisor <= number && number % divisor > 0) divisor++
    if (divisor * divisor > number) primes++
  }
  return primes
}
