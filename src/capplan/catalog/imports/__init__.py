"""From the providers' own price lists to catalogs.

`read` recognises a file and yields its rows. One module a provider says what a row is the price of.
`collect` brings the prices together, and `overlay` makes catalog files of them.
"""
