DROP TABLE prices_daily;
DROP TABLE instruments;
