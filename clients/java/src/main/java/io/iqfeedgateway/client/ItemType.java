package io.iqfeedgateway.client;

/** Types of items on the wire; the contract says what each means. */
enum ItemType {
    UINT,
    COUNT,
    ID,
    TIME_US,
    PRICE,
    TEXT,
    BOOLEAN,
    TEXTS,
    LEVELS,
    ROWS,
    MAP
}
