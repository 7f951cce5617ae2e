/** Places to ask from: name, latitude, longitude. */
export const CITIES = [
  ["Amsterdam", 52.37, 4.9], ["Auckland", -36.85, 174.76], ["Bangkok", 13.76, 100.5], ["Berlin", 52.52, 13.4], ["Bogotá", 4.71, -74.07],
  ["Buenos Aires", -34.6, -58.38], ["Cairo", 30.04, 31.24], ["Cape Town", -33.92, 18.42], ["Chicago", 41.88, -87.63], ["Dubai", 25.2, 55.27],
  ["Frankfurt", 50.11, 8.68], ["Hong Kong", 22.32, 114.17], ["Honolulu", 21.31, -157.86], ["Istanbul", 41.01, 28.98], ["Jakarta", -6.21, 106.85],
  ["Johannesburg", -26.2, 28.05], ["Lagos", 6.52, 3.38], ["Lima", -12.05, -77.04], ["Lisbon", 38.72, -9.14], ["London", 51.51, -0.13],
  ["Los Angeles", 34.05, -118.24], ["Madrid", 40.42, -3.7], ["Mexico City", 19.43, -99.13], ["Mumbai", 19.08, 72.88], ["Nairobi", -1.29, 36.82],
  ["New York", 40.71, -74.01], ["Oslo", 59.91, 10.75], ["Paris", 48.86, 2.35], ["Reykjavík", 64.15, -21.94], ["Rome", 41.9, 12.5],
  ["San Francisco", 37.77, -122.42], ["São Paulo", -23.55, -46.63], ["Seoul", 37.57, 126.98], ["Singapore", 1.35, 103.82], ["Stockholm", 59.33, 18.07],
  ["Sydney", -33.87, 151.21], ["Tokyo", 35.68, 139.65], ["Toronto", 43.65, -79.38], ["Vienna", 48.21, 16.37], ["Warsaw", 52.23, 21.01], ["Zurich", 47.38, 8.54],
];
