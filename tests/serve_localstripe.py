"""Serves localstripe on a free port of this machine, for the test that exports to it, and says where on its first line.

localstripe knows the shape of the API as of subscriptions, and not what an invoice of items of its own needs. What is added
here is what the official API has: drafts without items, items that are attached to a draft and listed by it, periods of
items, finalizing, and payments outside of Stripe. Sums, states, pages and lists of customers are localstripe's own.
"""

import socket

from aiohttp import web
from localstripe import resources, server
from localstripe.errors import UserError

Invoice, InvoiceItem = resources.Invoice, resources.InvoiceItem

# It writes everything to one file for all users of a machine otherwise.
resources.Store.dump_to_disk = lambda self: None


def make_invoice(customer=None, currency=None, number=None, description=None, metadata=None,
                 collection_method=None, due_date=None, days_until_due=None, effective_at=None,
                 auto_advance=None, discounts=None, pending_invoice_items_behavior=None):
    if pending_invoice_items_behavior != 'exclude' or auto_advance != 'false' or discounts != '':
        raise UserError(400, 'Only drafts of their own')
    if collection_method != 'send_invoice' or (due_date is None) == (days_until_due is None):
        raise UserError(400, 'A day to pay is missing')
    invoice = Invoice(customer=customer, description=description, metadata=metadata)
    invoice.currency, invoice.number, invoice.due_date = currency, number, due_date
    invoice.collection_method, invoice.effective_at = collection_method, effective_at
    return invoice


def make_item(invoice=None, period=None, discountable=None, **data):
    draft = Invoice._api_retrieve(invoice)
    if draft.status != 'draft' or data.get('currency') != draft.currency:
        raise UserError(400, 'Not a draft in this currency')
    item = InvoiceItem(invoice=invoice, period_start=period['start'], period_end=period['end'], **data)
    draft.lines._list.append(resources.InvoiceLineItem(item))
    return item


its_items = InvoiceItem._api_list_all


def list_items(url, invoice=None, limit=None, starting_after=None, **others):
    if invoice is None:
        return its_items(url, limit=limit, starting_after=starting_after, **others)
    listed = resources.List(url, limit=limit, starting_after=starting_after)
    listed._list = [item for item in resources.store.values()
                    if isinstance(item, InvoiceItem) and item.invoice == invoice]
    return listed


def finalize(id=None, auto_advance=None):
    invoice = Invoice._api_retrieve(id)
    if invoice.status != 'draft':
        raise UserError(400, 'Not a draft')
    invoice._finalize()
    return invoice


def pay(id=None, paid_out_of_band=None):
    invoice = Invoice._api_retrieve(id)
    if invoice.status != 'open' or paid_out_of_band != 'true':
        raise UserError(400, 'Not open')
    invoice._outside = True
    return invoice


def void(id=None):
    invoice = Invoice._api_retrieve(id)
    if invoice.status != 'open':
        raise UserError(400, 'Not open')
    invoice._voided = True
    return invoice


its_status = Invoice.status.fget
Invoice.status = property(lambda self: 'paid' if getattr(self, '_outside', False) else its_status(self))
Invoice._api_create = staticmethod(make_invoice)
InvoiceItem._api_create = staticmethod(make_item)
InvoiceItem._api_list_all = staticmethod(list_items)

# Its own routes were made before these and win where the path is the same, so the application is put together anew.
app = web.Application(middlewares=[server.error_middleware, server.auth_middleware])
for verb, act in (('finalize', finalize), ('pay', pay), ('void', void)):
    url = '/v1/invoices/{id}/' + verb
    app.router.add_route('POST', url, server.api_extra(act, url))
lines = '/v1/invoices/{id}/lines'
app.router.add_route('GET', lines, server.api_extra(Invoice._api_list_lines, lines))
for cls in (resources.Customer, Invoice, InvoiceItem):
    url = '/v1/' + cls.object + 's'
    app.router.add_route('POST', url, server.api_create(cls, url))
    app.router.add_route('GET', url, server.api_list_all(cls, url))
    app.router.add_route('GET', url + '/{id}', server.api_retrieve(cls, url))
    app.router.add_route('POST', url + '/{id}', server.api_update(cls, url))

listener = socket.socket()
listener.bind(('127.0.0.1', 0))
print('http://127.0.0.1:%d' % listener.getsockname()[1], flush=True)
web.run_app(app, sock=listener, print=None)
