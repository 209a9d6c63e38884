from django.urls import path

from smartqueue.analytics.interfaces import rest

urlpatterns = [
    path("wait-accuracy/", rest.WaitAccuracyView.as_view(), name="wait-accuracy"),
]
