-- Daily prices and the instruments that they belong to.

CREATE TABLE instruments (
    instrument_id text COLLATE "C" PRIMARY KEY,
    lot_size double precision NOT NULL DEFAULT 1 CHECK (lot_size > 0 AND lot_size < 'Infinity'),
    tick_size double precision NOT NULL DEFAULT 0.01 CHECK (tick_size > 0 AND tick_size < 'Infinity'),
    multiplier double precision NOT NULL DEFAULT 1 CHECK (multiplier > 0 AND multiplier < 'Infinity'),
    currency text NOT NULL DEFAULT 'USD'
);
COMMENT ON TABLE instruments IS 'What can be traded. An instrument that has prices but no row here has lots of 1, ticks of 0.01 and multiplier 1, in USD.';
COMMENT ON COLUMN instruments.lot_size IS 'Units of quantity in a lot; orders are whole lots.';
COMMENT ON COLUMN instruments.tick_size IS 'Smallest step of a price, in currency.';
COMMENT ON COLUMN instruments.multiplier IS 'Currency per point of price and unit of quantity; 1 for shares.';

CREATE TABLE prices_daily (
    instrument_id text COLLATE "C" NOT NULL,
    date date NOT NULL,
    open double precision NOT NULL,
    high double precision NOT NULL,
    low double precision NOT NULL,
    close double precision NOT NULL,
    volume double precision,
    source text NOT NULL DEFAULT '',
    PRIMARY KEY (instrument_id, date),
    CONSTRAINT prices_above_zero CHECK (low > 0 AND high < 'Infinity'),
    CONSTRAINT high_is_highest CHECK (high >= open AND high >= close AND high >= low),
    CONSTRAINT low_is_lowest CHECK (low <= open AND low <= close),
    CONSTRAINT volume_not_negative CHECK (volume >= 0 AND volume < 'Infinity')
);
COMMENT ON TABLE prices_daily IS 'One bar an instrument and trading day, in the instrument''s currency.';
COMMENT ON COLUMN prices_daily.volume IS 'Units of quantity traded in the session; NULL where it is not known.';
COMMENT ON COLUMN prices_daily.source IS 'The file or feed that the bar came from.';
