// Calls every method of @coingecko/coingecko-typescript that README.md says works, as its users
// would.
const Coingecko = require('@coingecko/coingecko-typescript').default;

const [, url, key] = process.argv;
const client = new Coingecko({
  baseURL: `${url}/api/v3`,
  demoAPIKey: key,
  maxRetries: 0,
});
const ids = 'bitcoin,ethereum';

const refused = async (call) => {
  try {
    return { status: 200, answer: await call };
  } catch (error) {
    return { status: error.status, kind: error.constructor.name, message: error.message };
  }
};

const main = async () => ({
  ping: await client.ping.get(),
  price: await client.simple.price.get({
    ids,
    vs_currencies: 'usd,eur',
    include_market_cap: true,
    include_24hr_vol: true,
    include_24hr_change: true,
    include_last_updated_at: true,
  }),
  rounded: await client.simple.price.get({ ids: 'bitcoin', vs_currencies: 'usd', precision: '2' }),
  unknown: await client.simple.price.get({ ids: 'no-such-coin', vs_currencies: 'usd' }),
  crossed: await client.simple.price.get({ ids, vs_currencies: 'usd,eur,gbp,jpy,btc,eth' }),
  currencies: await client.simple.supportedVsCurrencies.get(),
  rates: await client.exchangeRates.get(),
  coins: await client.coins.list.get(),
  markets: await client.coins.markets.get({ vs_currency: 'usd' }),
  page: await client.coins.markets.get({
    vs_currency: 'eur',
    order: 'id_asc',
    per_page: 2,
    page: 2,
    sparkline: true,
    price_change_percentage: '1h,24h',
  }),
  some: await client.coins.markets.get({ vs_currency: 'btc', ids }),
  refused: {
    parameter: await refused(client.coins.markets.get({ vs_currency: 'zzz' })),
    history: await refused(client.coins.history.get('bitcoin', { date: '30-12-2025' })),
    chart: await refused(client.coins.marketChart.get('bitcoin', { vs_currency: 'usd', days: '1' })),
    elsewhere: await refused(client.assetPlatforms.get()),
    key: await refused(client.key.get()),
  },
});

main().then((got) => console.log(JSON.stringify(got)));
