"""What IQConnect may say to a session: genuine lines, lines of other ports, and garbage."""

from typing import Final

from hypothesis import strategies as st

from tests.unit.iqfeed.session_bench import STATS

STREAM: Final = "".join(
    f"{line}\r\n"
    for line in (
        "S,KEY,99999",
        "S,SERVER CONNECTED",
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Most Recent Trade,",
        "S,CURRENT PROTOCOL,6.2,",
        "E,Ask is not a valid fieldset field,",
        "T,20260916 15:56:43",
        "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,",
        "n,XYZZY",
        "S,SYMBOL LIMIT REACHED,AAPL",
        "\xd6 never seen",
        "",
        "T,20260916 15:56:44",
    )
).encode("latin-1")

LINES: Final = st.one_of(
    st.sampled_from(STREAM.decode("latin-1").split("\r\n")),
    st.sampled_from(
        [
            "S,CURRENT UPDATE FIELDNAMES,Symbol,Bid,Ask,",
            "E,6.2 is not a valid protocol.,",
            "E,6.1 is not a valid protocol.,",
            "E,Bid is not a valid fieldset field,",
            "S,CURRENT PROTOCOL,6.1",
            "S,SERVER DISCONNECTED",
            # What belongs to another port.
            STATS,
            STATS.replace("Connected", "Not Connected"),
            "S,CLIENTSTATS,1,3,gateway,20260916 155643,4,0,1.5,2.5,0,",
            "S,CURRENT LOGINID,497214,",
            "S,CLEAR DEPTH,@ESZ26,B,",
            "q,AAPL,",
            "6,QQQ,,AMEX,A,408.8400,100,,4,17:52:38.059128,2022-04-01,",
        ]
    ),
    st.text(max_size=30),
    st.builds(
        ",".join,
        st.lists(
            st.sampled_from(["S", "T", "E", "n", "STATS", "CUST", "", "1", "6.2"]), max_size=25
        ),
    ),
)
