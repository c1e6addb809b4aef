"""Text by the rules of others: words, sentences, and the filters that count them."""
