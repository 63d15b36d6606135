# Calls every method of pycoingecko that README.md says works, as its users would.
import json, sys
from pycoingecko import CoinGeckoAPI

url, key = sys.argv[1], sys.argv[2]
client = CoinGeckoAPI(demo_api_key=key)
client.api_base_url = url + '/api/v3/'
ids = ['bitcoin', 'ethereum']


def refused(call):
    try:
        return {'status': 200, 'answer': call()}
    except Exception as error:
        # It hides what requests says behind an error of its own.
        response = error.__context__.response
        return {'status': response.status_code, 'message': str(error)}


print(json.dumps({
    'ping': client.ping(),
    'price': client.get_price(
        ids=ids, vs_currencies=['usd', 'eur'], include_market_cap=True, include_24hr_vol=True,
        include_24hr_change=True, include_last_updated_at=True),
    'rounded': client.get_price(ids='bitcoin', vs_currencies='usd', precision=2),
    'unknown': client.get_price(ids='no-such-coin', vs_currencies='usd'),
    'crossed': client.get_price(ids=ids, vs_currencies='usd,eur,gbp,jpy,btc,eth'),
    'currencies': client.get_supported_vs_currencies(),
    # It leaves the object around them.
    'rates': client.get_exchange_rates(),
    'coins': client.get_coins_list(),
    'markets': client.get_coins_markets(vs_currency='usd'),
    'page': client.get_coins_markets(
        vs_currency='eur', order='id_asc', per_page=2, page=2, sparkline=True,
        price_change_percentage='1h,24h'),
    'some': client.get_coins_markets(vs_currency='btc', ids=ids),
    'refused': {
        'parameter': refused(lambda: client.get_coins_markets(vs_currency='zzz')),
        'history': refused(lambda: client.get_coin_history_by_id('bitcoin', date='30-12-2025')),
        'chart': refused(lambda: client.get_coin_market_chart_by_id('bitcoin', 'usd', 1)),
        'elsewhere': refused(lambda: client.get_asset_platforms()),
    },
}))
