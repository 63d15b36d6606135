// Calls every method of coingecko-api-v3 that README.md says works, as its users would.
const http = require('http');
const { CoinGeckoClient } = require('coingecko-api-v3');

const [, url, key] = process.argv;
const { hostname, port } = new URL(url);
// It speaks HTTPS unless it is given another agent.
const extraHTTPSOptions = { hostname, port, protocol: 'http:', agent: new http.Agent() };
const client = new CoinGeckoClient({ autoRetry: false, extraHTTPSOptions }, key);
client.baseURL = `${url}/api/v3`;
const ids = 'bitcoin,ethereum';

const refused = async (call) => {
  try {
    return { status: 200, answer: await call };
  } catch (error) {
    return { status: Number(error.message.split(' ').pop()) };
  }
};

const main = async () => ({
  ping: await client.ping(),
  price: await client.simplePrice({
    ids,
    vs_currencies: 'usd,eur',
    include_market_cap: true,
    include_24hr_vol: true,
    include_24hr_change: true,
    include_last_updated_at: true,
  }),
  rounded: await client.simplePrice({ ids: 'bitcoin', vs_currencies: 'usd', precision: 2 }),
  unknown: await client.simplePrice({ ids: 'no-such-coin', vs_currencies: 'usd' }),
  crossed: await client.simplePrice({ ids, vs_currencies: 'usd,eur,gbp,jpy,btc,eth' }),
  currencies: await client.simpleSupportedCurrencies(),
  rates: await client.exchangeRates(),
  coins: await client.coinList({ include_platform: false }),
  markets: await client.coinMarket({ vs_currency: 'usd' }),
  page: await client.coinMarket({
    vs_currency: 'eur',
    order: 'id_asc',
    per_page: 2,
    page: 2,
    sparkline: true,
    price_change_percentage: '1h,24h',
  }),
  some: await client.coinMarket({ vs_currency: 'btc', ids }),
  refused: {
    parameter: await refused(client.coinMarket({ vs_currency: 'zzz' })),
    history: await refused(client.coinIdHistory({ id: 'bitcoin', date: '30-12-2025' })),
    chart: await refused(client.coinIdMarketChart({ id: 'bitcoin', vs_currency: 'usd', days: 1 })),
    elsewhere: await refused(client.trending()),
  },
});

main().then((got) => console.log(JSON.stringify(got)));
