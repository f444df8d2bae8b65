"""Entry point of the dashboard: navigation only. Each page stands in `pages/`."""

import streamlit as st

st.set_page_config(page_title="Alliance Warehouse", layout="wide")
page = st.navigation(
    [
        st.Page("pages/compare_sites.py", title="Compare sites", default=True),
        st.Page("pages/deliveries.py", title="Deliveries"),
    ],
    position="top",
)
page.run()
